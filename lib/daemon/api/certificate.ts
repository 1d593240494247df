import { generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

const DAY_MS = 24 * 3600 * 1000
/** So that a clock that is a little behind takes it all the same. */
const BEFORE_MS = DAY_MS
const VALID_MS = 3650 * DAY_MS
const SERIAL_BYTES = 16

/** Tags of ASN.1 in DER. Source: X.690, section 8. */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31
} as const
const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1'
} as const
/** Kinds of names in a certificate. Source: RFC 5280, section 4.2.1.6. */
const DNS_NAME = 0x82
const IP_ADDRESS = 0x87
/** digitalSignature, the first of the bits, of which the other seven are not used. */
const MAY_SIGN = Buffer.from([7, 0x80])

/**
 * A certificate for a server that says itself who it is, for ten years from `nowMs`, and its key: both PEM, one after the other. `names`: the names and
 * IP addresses under which it may be reached; the first one names it. Source: RFC 5280, section 4.1; RFC 5480.
 */
export function makeCertificate(names: readonly string[], nowMs: number): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(oid(OID.ecdsaWithSha256))
  const name = sequence(der(TAG.set, sequence(oid(OID.commonName), der(TAG.utf8, Buffer.from(names[0] ?? 'backer')))))
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(randomBytes(SERIAL_BYTES)),
    algorithm,
    name,
    sequence(time(nowMs - BEFORE_MS), time(nowMs + VALID_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions(names)))
  )
  const signature = sign('sha256', body, privateKey)
  const certificate = sequence(body, algorithm, der(TAG.bits, Buffer.from([0]), signature))
  const pem = new X509Certificate(certificate).toString()
  return `${pem}${privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()}`
}

function extensions(names: readonly string[]): Buffer[] {
  const alternatives = names.map(name => {
    const address = addressBytes(name)
    return address === undefined ? der(DNS_NAME, Buffer.from(name, 'latin1')) : der(IP_ADDRESS, address)
  })
  return [
    extension(OID.basicConstraints, sequence()),
    extension(OID.keyUsage, der(TAG.bits, MAY_SIGN)),
    extension(OID.extendedKeyUsage, sequence(oid(OID.serverAuth))),
    extension(OID.subjectAltName, sequence(...alternatives))
  ]
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(TAG.octets, value))
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(TAG.sequence, ...parts)
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts)
  const { byteLength: length } = value
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), value])
}

/** A number that is not negative. */
function integer(bytes: Buffer): Buffer {
  const first = bytes.findIndex(byte => byte !== 0)
  const short = bytes.subarray(first < 0 ? bytes.byteLength - 1 : first)
  return der(TAG.integer, (short[0] ?? 0) < 0x80 ? short : Buffer.concat([Buffer.from([0]), short]))
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap(part => {
    const groups = [part & 0x7f]
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return der(TAG.oid, Buffer.from(bytes))
}

/** Years from 2050 on have four digits, and another tag. Source: RFC 5280, section 4.1.2.5. */
function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/\.\d+|[-:T]/g, '')
  return Number(digits.slice(0, 4)) < 2050
    ? der(TAG.utcTime, Buffer.from(digits.slice(2)))
    : der(TAG.time, Buffer.from(digits))
}

/** An IP address as bytes; undefined for a name. */
function addressBytes(text: string): Buffer | undefined {
  const kind = isIP(text)
  if (kind === 0) return undefined
  if (kind === 4) return Buffer.from(text.split('.').map(Number))
  // The URL parser writes out what `::` stands for, and an embedded IPv4 address, in one way.
  const [left = '', right = ''] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const zeros = Array<string>(8 - groups(left).length - groups(right).length).fill('0')
  const all = [...groups(left), ...zeros, ...groups(right)]
  return Buffer.from(all.map(group => group.padStart(4, '0')).join(''), 'hex')
}
