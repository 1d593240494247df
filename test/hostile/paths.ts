/** Texts that are no path in a folder, whatever the system (E1, E5). */
export const FORBIDDEN: readonly string[] = [
  '',
  '.',
  '..',
  '/',
  '//',
  ...withDots(),
  ...['/abs', '//abs', '/etc/passwd', 'a//b', 'a///b', 'a/', 'a/b/', './a', 'a/./b', 'a/.', '/.', './', '../', '/..'],
  ...['a\0', '\0', 'a/\0/b', '\0/a', 'a/b\0', 'a\0/../b'],
  ...reservedForms().flatMap(name => [name, `${name}/x`, `${name}/tmp/x`]),
  'n'.repeat(256),
  `a/${'n'.repeat(256)}`,
  `${'n'.repeat(255)}/`.repeat(17),
  Array.from({ length: 1001 }, () => 'd').join('/'),
  'y/'.repeat(2048) + 'zz'
]

function withDots(): string[] {
  const ups = ['..', '../..', '../../..', 'a/..', 'a/../..', 'a/b/../../..', 'a/..//..', './..']
  return ups.flatMap(up => [up, `${up}/x`, `${up}/etc/passwd`, `x/${up}`, `x/${up}/y`])
}

/** `.backer` as file systems that fold names would take it. */
function reservedForms(): string[] {
  return [
    ...['.backer', '.BACKER', '.Backer', '.bacKer', '.bac\u212aer', '.backer.', '.backer..', '.backer ', '.backer. .'],
    ...['.bac\u200cker', '.bac\u200dker', '\ufeff.backer', '.\u202ebacker', '.backer\u200f'],
    ...['BACKER~1', 'backer~1', 'Backer~12', '.backer~1', '.BACKER~3']
  ]
}

/** Names that mean something to some program or some system, and nothing here (E2, E14). */
export const PAYLOADS: readonly string[] = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  '<img src=x onerror=alert(1)>',
  '<script>alert(1)<⁄script>',
  '"><svg onload=alert(1)>',
  "'; DROP TABLE files; --",
  '\u001b[31mred\u001b[0m',
  'bell\u0007',
  'new\nline',
  'carriage\rreturn',
  'tab\tstop',
  'right\u202eto left',
  'zero\u200bwidth',
  '-rf',
  '--help',
  '$(touch pwned)',
  '`touch pwned`',
  '%2e%2e%2f',
  '%s%n%x',
  '..\\..\\x',
  'C:x',
  'a:stream',
  'CON',
  'nul.txt',
  'x.',
  'x ',
  ' x',
  '~',
  'e\u0301'
]
