#!/usr/bin/env node
import { keepHeapSmall } from '../lib/cli/heap.js'
import { main } from '../lib/cli/main.js'

keepHeapSmall()

process.exit(await main(process))
