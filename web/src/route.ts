import { signal } from '@preact/signals'

/** Where the page is: `#/folders/ID/files` is ['folders', ID, 'files']. */
export const route = signal<readonly string[]>(parse(location.hash))

addEventListener('hashchange', () => (route.value = parse(location.hash)))

function parse(hash: string): string[] {
  return hash
    .replace(/^#\/?/, '')
    .split('/')
    .filter(part => part !== '')
    .map(decodeURIComponent)
}

/** The address of a place on the page. */
export function href(...parts: readonly string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`
}

export function goTo(...parts: readonly string[]): void {
  location.hash = href(...parts)
}
