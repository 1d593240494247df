#!/usr/bin/env node
import { compileLittle } from '../lib/cli/compiling.js'
import { keepHeapSmall } from '../lib/cli/heap.js'
import { main } from '../lib/cli/main.js'

keepHeapSmall()
compileLittle()

process.exit(await main(process))
