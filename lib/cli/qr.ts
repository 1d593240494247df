/** A QR code of `text` as letters for a terminal. */
export async function qrCode(text: string): Promise<string> {
  const { default: qrcode } = await import('qrcode')
  return qrcode.toString(text, { type: 'utf8', errorCorrectionLevel: 'L' })
}
