import { defineConfig } from 'vite'

/** The page is served by the daemon from `dist/web`, and asks for nothing from anywhere else. */
export default defineConfig({
  base: './',
  build: { outDir: '../dist/web', emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } }
})
