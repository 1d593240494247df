/** The variables that matter and are no secrets. */
export const VARIABLES = [
  'BACKER_HOME',
  'BACKER_BOOTSTRAP',
  'BACKER_RELAY',
  'BACKER_PORT',
  'BACKER_PAGE_PORT',
  'BACKER_NO_LAN',
  'BACKER_NO_AUTOSTART',
  'BACKER_LOG',
  'BACKER_DEBUG',
  'NO_COLOR'
] as const
