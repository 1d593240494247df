import test from 'brittle'
import { RelayMeter } from '../../lib/net/relay-meter.js'

/** One end of a pair that sends what it is told to, or else as it likes. */
class Sender {
  bytesReceived = 0
  rate = Infinity
  isEnded = false
  #onclose: () => void = () => undefined

  on(_event: 'close', listener: () => void): void {
    this.#onclose = listener
  }

  send(wanted: number, isHonest = true): void {
    if (!this.isEnded) this.bytesReceived += isHonest ? Math.min(wanted, this.rate) : wanted
  }

  destroy(): void {
    this.isEnded = true
    this.#onclose()
  }
}

function join(meter: RelayMeter): Sender {
  const sender = new Sender()
  meter.add(sender, rate => (sender.rate = rate))
  return sender
}

test('those who send share the rate, and whoever is alone has all of it', t => {
  const meter = new RelayMeter(1_000_000)
  const [a, b, idle] = [join(meter), join(meter), join(meter)]
  for (let second = 0; second < 60; second++) {
    a.send(5_000_000)
    if (second >= 20 && second < 40) b.send(5_000_000)
    idle.send(100)
    meter.tick()
    if (second === 15) t.is(a.rate, 900_000)
    if (second === 35) t.alike([a.rate, b.rate, idle.rate], [450_000, 450_000, 450_000])
    if (second === 55) t.is(a.rate, 900_000)
  }
  t.ok(meter.bytes < 61_000_000 && meter.bytes > 50_000_000, `${meter.bytes} bytes in a minute`)
  t.alike([a.isEnded, b.isEnded, idle.isEnded], [false, false, false])
})

test('who does not keep to its share is ended, and nobody else', t => {
  const meter = new RelayMeter(1_000_000)
  const [honest, greedy] = [join(meter), join(meter)]
  for (let second = 0; second < 10; second++) {
    honest.send(5_000_000)
    greedy.send(5_000_000, false)
    meter.tick()
  }
  t.alike([honest.isEnded, greedy.isEnded], [false, true])
})

test('without a rate nobody is told one, and all is counted', t => {
  const meter = new RelayMeter(undefined)
  const sender = join(meter)
  for (let second = 0; second < 10; second++) {
    sender.send(5_000_000)
    meter.tick()
  }
  sender.send(7)
  sender.destroy()
  t.alike([sender.rate, meter.bytes], [Infinity, 50_000_007])
})
