/** What the system is to start for a user, and with which variables. */
export interface ServiceJob {
  /** The program and its words. */
  readonly command: readonly string[]
  readonly variables: Readonly<Record<string, string>>
  /** What it is called: `backer`, or with a mark where a home of its own was chosen. */
  readonly name: string
  /** Where what it says besides its log goes, on systems that don't keep it. */
  readonly output: string
}

/** A unit for the user's own systemd. Source: systemd.unit(5), systemd.service(5), systemd.exec(5). */
export function systemdUnit({ command, variables, name }: ServiceJob): string {
  return `[Unit]
Description=backer: mirrors folders between your own computers (${name})

[Service]
ExecStart=${command.map(commandWord).join(' ')}
${Object.entries(variables)
  .map(([variable, value]) => `Environment=${unitWord(`${variable}=${value}`)}\n`)
  .join('')}Restart=on-failure
RestartSec=5
# Variables that make no sense get no better by trying again.
RestartPreventExitStatus=2
Nice=5
NoNewPrivileges=yes

[Install]
WantedBy=default.target
`
}

/** An agent for launchd. Source: launchd.plist(5). */
export function launchdPlist({ command, variables, name, output }: ServiceJob): string {
  const strings = command.map(word => `    <string>${xmlText(word)}</string>`)
  const pairs = Object.entries(variables).map(
    ([variable, value]) => `    <key>${xmlText(variable)}</key>\n    <string>${xmlText(value)}</string>`
  )
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${xmlText(name)}</string>
  <key>ProgramArguments</key>
  <array>
${strings.join('\n')}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${pairs.join('\n')}
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>StandardErrorPath</key>
  <string>${xmlText(output)}</string>
  <key>ProcessType</key>
  <string>Background</string>
</dict>
</plist>
`
}

/** A word of a command line, of which nothing is expanded. */
function commandWord(word: string): string {
  return unitWord(word.replaceAll('$', '$$$$'))
}

/** A word in quotes. */
function unitWord(word: string): string {
  const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('\n', '\\n')
  return `"${escaped}"`
}

function xmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
