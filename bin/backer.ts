#!/usr/bin/env node
import { compileLittle } from '../lib/cli/compiling.js'
import { keepHeapSmall } from '../lib/cli/heap.js'

// Before anything else is loaded: what V8 has taken by then it keeps.
keepHeapSmall()
compileLittle()

const { main } = await import('../lib/cli/main.js')
process.exit(await main(process))
