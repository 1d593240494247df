import qrcode from 'qrcode-generator'

/** Modules of quiet space that a reader needs round the code. Source: ISO/IEC 18004. */
const QUIET = 4

/** `text` as a QR code, always dark on light, since not every reader takes the reverse. */
export function Qr({ text, label }: { readonly text: string; readonly label: string }) {
  const code = qrcode(0, 'M')
  code.addData(text)
  code.make()
  const size = code.getModuleCount()
  let path = ''
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++)
      if (code.isDark(row, column)) path += `M${String(column + QUIET)} ${String(row + QUIET)}h1v1h-1z`
  const side = size + 2 * QUIET
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${String(side)} ${String(side)}`}>
      <rect width={side} height={side} fill="#fff" />
      <path d={path} fill="#000" shape-rendering="crispEdges" />
    </svg>
  )
}
