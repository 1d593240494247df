import test from 'brittle'
import { documentOf, makeCliDevice, shareDocs } from '../make/cli.js'

test(
  'a role is told, set and kept; what stands only here is drift where nothing may be sent',
  { timeout: 90_000 },
  async t => {
    const device = await makeCliDevice(t)
    await shareDocs(device)
    t.is((await device.run(['wait', '--peers', '0'])).code, 0)
    t.is((await device.run(['role'])).stdout, 'docs: mirror\n')
    t.is((await device.run(['role', 'append-only'])).stdout, 'docs: append-only\n')
    t.is((await documentOf(device, 'role', 'docs', 'receive-only'))['role'], 'receive-only')
    t.is((await device.run(['wait', '--peers', '0'])).code, 0)
    const drift = await documentOf(device, 'drift')
    t.alike([drift['count'], drift['sample']], [1, ['hello.txt']])
    t.is((await device.run(['drift', '--revert', '--yes'])).code, 6, 'nobody is there who could tell')
    t.is((await device.run(['role', 'docs', 'nothing'])).code, 2)
    t.is((await device.run(['role', 'docs', 'mirror'])).code, 0)
    t.is((await device.run(['wait', '--peers', '0'])).code, 0)
    t.is((await documentOf(device, 'drift'))['count'], 0)
  }
)
