#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { main } from '../lib/cli/main.js'

// A process that runs for months beside others: what is garbage goes soon, rather than when there is no other way.
setFlagsFromString('--max-semi-space-size=2')
setFlagsFromString('--heap-growing-percent=30')
setFlagsFromString('--optimize-for-size')

process.exit(await main(process))
