import '@picocss/pico/css/pico.min.css'
import './style.css'
import { render } from 'preact'
import { App } from './App.js'
import { start } from './state.js'

const root = document.getElementById('app')
if (root !== null) render(<App />, root)
void start()
