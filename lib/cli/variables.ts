/** The variables that say how the process in the background runs. None of them is a secret. */
export const SERVICE_VARIABLES = [
  'BACKER_HOME',
  'BACKER_BOOTSTRAP',
  'BACKER_RELAY',
  'BACKER_PORT',
  'BACKER_PAGE_PORT',
  'BACKER_PAGE_LISTEN',
  'BACKER_NO_LAN',
  'BACKER_LOG'
] as const

/** The variables that matter and are no secrets. */
export const VARIABLES = [...SERVICE_VARIABLES, 'BACKER_NO_AUTOSTART', 'BACKER_DEBUG', 'NO_COLOR'] as const
