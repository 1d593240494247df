import type { Plan } from './plan.js'

/** Runs that once broke a promise, as small as they could be made, and what it was that they found. */
export const FOUND: readonly (readonly [title: string, plan: Plan])[] = [
  [
    'a renamed file that is written to with its size and time kept is read',
    {
      seed: '47',
      deviceCount: 2,
      line: 'fast',
      canExchange: false,
      reusesInodes: false,
      order: 'journal',
      isSingleWriter: false,
      readers: [],
      steps: [
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'write', path: '.h/c', size: 40, isSynced: true } },
        { afterMs: 115, kind: 'user', device: 0, action: { kind: 'rename', at: 597, path: 'a' } },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'sneak', at: 265 } }
      ]
    }
  ],
  [
    'what is in hand is not changed until its install has ended',
    {
      seed: '74',
      deviceCount: 5,
      line: 'fast',
      canExchange: false,
      reusesInodes: false,
      order: 'journal',
      isSingleWriter: false,
      readers: [],
      steps: [
        { afterMs: 54, kind: 'user', device: 2, action: { kind: 'write', path: 'c/a', size: 40, isSynced: false } },
        { afterMs: 51, kind: 'misfortune', misfortune: { kind: 'lose-index', device: 4, downMs: 10 } },
        {
          afterMs: 0,
          kind: 'race',
          device: 3,
          calls: 58,
          action: { kind: 'save', at: 439, size: 1000, isSynced: true }
        },
        { afterMs: 7, kind: 'user', device: 4, action: { kind: 'write', path: 'd', size: 40, isSynced: true } },
        { afterMs: 15, kind: 'user', device: 4, action: { kind: 'rename', at: 316, path: 'b' } },
        { afterMs: 48, kind: 'user', device: 3, action: { kind: 'write', path: 'b', size: 393217, isSynced: true } },
        { afterMs: 13, kind: 'user', device: 2, action: { kind: 'symlink', path: 'a' } },
        { afterMs: 2, kind: 'user', device: 4, action: { kind: 'slow-write', at: 753, size: 40, takesMs: 18 } },
        { afterMs: 3, kind: 'user', device: 2, action: { kind: 'write', path: '.h', size: 393217, isSynced: true } },
        { afterMs: 35, kind: 'user', device: 2, action: { kind: 'rename', at: 186, path: 'n.txt' } },
        { afterMs: 14, kind: 'user', device: 2, action: { kind: 'write', path: 'c', size: 40, isSynced: false } },
        {
          afterMs: 6,
          kind: 'race',
          device: 4,
          calls: 23,
          action: { kind: 'overwrite', at: 294, size: 131071, isSynced: true }
        },
        { afterMs: 592, kind: 'user', device: 0, action: { kind: 'swap', at: 180, with: 476 } },
        { afterMs: 0, kind: 'user', device: 3, action: { kind: 'swap', at: 593, with: 647 } },
        {
          afterMs: 0,
          kind: 'user',
          device: 1,
          action: { kind: 'write', path: 'n.txt/b/c', size: 40, isSynced: false }
        },
        { afterMs: 15, kind: 'user', device: 3, action: { kind: 'write', path: 'z~1/c', size: 40, isSynced: true } },
        { afterMs: 26, kind: 'user', device: 2, action: { kind: 'save', at: 260, size: 393217, isSynced: false } },
        { afterMs: 19, kind: 'user', device: 1, action: { kind: 'write', path: 'é', size: 40, isSynced: true } },
        { afterMs: 44, kind: 'user', device: 4, action: { kind: 'mkdir', path: 'b/b/z~1' } }
      ]
    }
  ],
  [
    'a version that has lost does not win again when what it lost to is replaced',
    {
      seed: '26',
      deviceCount: 4,
      line: 'fast',
      canExchange: true,
      reusesInodes: false,
      order: 'journal',
      isSingleWriter: false,
      readers: [],
      steps: [
        { afterMs: 0, kind: 'settle' },
        { afterMs: 0, kind: 'misfortune', misfortune: { kind: 'power', device: 1, afterChanges: 12, downMs: 10 } },
        { afterMs: 0, kind: 'user', device: 1, action: { kind: 'write', path: 'd/d/d', size: 40, isSynced: false } },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'write', path: 'b', size: 0, isSynced: true } },
        { afterMs: 80, kind: 'user', device: 0, action: { kind: 'write', path: 'c', size: 1000, isSynced: true } },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'append', at: 996, size: 40 } },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'symlink', path: '.h/c' } },
        { afterMs: 7, kind: 'user', device: 1, action: { kind: 'save', at: 352, size: 1000, isSynced: false } },
        { afterMs: 84, kind: 'user', device: 0, action: { kind: 'overwrite', at: 753, size: 1000, isSynced: true } },
        { afterMs: 0, kind: 'user', device: 1, action: { kind: 'touch', at: 814, mtimeMs: 1500000000123 } }
      ]
    }
  ],
  [
    'what a newcomer is told first is told to the others as well',
    {
      seed: '50',
      deviceCount: 3,
      line: 'fast',
      canExchange: false,
      reusesInodes: false,
      order: 'journal',
      isSingleWriter: true,
      readers: [],
      steps: [
        { afterMs: 1414, kind: 'user', device: 0, action: { kind: 'write', path: 'a', size: 40, isSynced: false } },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'retype', at: 97, size: 393217 } },
        { afterMs: 956, kind: 'user', device: 0, action: { kind: 'mkdir', path: '.h' } },
        { afterMs: 525, kind: 'user', device: 0, action: { kind: 'rename', at: 349, path: '.h/é' } },
        { afterMs: 670, kind: 'user', device: 0, action: { kind: 'chmod', at: 857, mode: 384 } },
        { afterMs: 1373, kind: 'user', device: 0, action: { kind: 'append', at: 176, size: 40 } },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'chmod', at: 663, mode: 448 } },
        { afterMs: 881, kind: 'user', device: 0, action: { kind: 'append', at: 755, size: 40 } },
        {
          afterMs: 0,
          kind: 'race',
          device: 0,
          calls: 35,
          action: { kind: 'overwrite', at: 997, size: 40, isSynced: false }
        },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'delete', at: 652 } },
        { afterMs: 2108, kind: 'race', device: 0, calls: 56, action: { kind: 'rename', at: 404, path: '.h' } },
        {
          afterMs: 1618,
          kind: 'user',
          device: 0,
          action: { kind: 'write', path: 'n.txt', size: 393217, isSynced: true }
        },
        { afterMs: 0, kind: 'race', device: 0, calls: 12, action: { kind: 'chmod', at: 680, mode: 384 } },
        { afterMs: 0, kind: 'race', device: 0, calls: 15, action: { kind: 'delete', at: 112 } },
        { afterMs: 20182, kind: 'user', device: 0, action: { kind: 'write', path: 'd', size: 1000, isSynced: false } },
        { afterMs: 1790, kind: 'user', device: 0, action: { kind: 'rename', at: 709, path: 'é/z~1/.h' } },
        { afterMs: 3213, kind: 'user', device: 0, action: { kind: 'delete', at: 491 } },
        { afterMs: 1508, kind: 'user', device: 0, action: { kind: 'save', at: 981, size: 1000, isSynced: true } },
        { afterMs: 1788, kind: 'user', device: 0, action: { kind: 'mkdir', path: 'a' } },
        { afterMs: 901, kind: 'user', device: 0, action: { kind: 'write', path: 'd', size: 1000, isSynced: false } },
        {
          afterMs: 346,
          kind: 'user',
          device: 0,
          action: { kind: 'write', path: 'é/c/.h', size: 1000, isSynced: false }
        },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'rename', at: 785, path: 'c' } },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'retype', at: 726, size: 40 } },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'chmod', at: 421, mode: 448 } },
        { afterMs: 404, kind: 'user', device: 0, action: { kind: 'append', at: 894, size: 1000 } },
        { afterMs: 31998, kind: 'user', device: 0, action: { kind: 'overwrite', at: 71, size: 40, isSynced: true } },
        { afterMs: 3048, kind: 'user', device: 0, action: { kind: 'rename', at: 214, path: 'a' } },
        {
          afterMs: 7112,
          kind: 'race',
          device: 0,
          calls: 3,
          action: { kind: 'save', at: 29, size: 393217, isSynced: true }
        },
        {
          afterMs: 1952,
          kind: 'user',
          device: 0,
          action: { kind: 'write', path: 'n.txt/n.txt', size: 40, isSynced: true }
        },
        {
          afterMs: 1252,
          kind: 'race',
          device: 0,
          calls: 33,
          action: { kind: 'overwrite', at: 466, size: 40, isSynced: true }
        },
        { afterMs: 2986, kind: 'user', device: 0, action: { kind: 'chmod', at: 836, mode: 384 } },
        {
          afterMs: 32102,
          kind: 'race',
          device: 0,
          calls: 44,
          action: { kind: 'write', path: 'd', size: 40, isSynced: true }
        },
        { afterMs: 0, kind: 'misfortune', misfortune: { kind: 'partition', a: 0, b: 2, forMs: 40000 } },
        { afterMs: 3214, kind: 'user', device: 0, action: { kind: 'overwrite', at: 176, size: 40, isSynced: false } },
        { afterMs: 313, kind: 'user', device: 0, action: { kind: 'save', at: 592, size: 40, isSynced: true } },
        { afterMs: 1059, kind: 'user', device: 0, action: { kind: 'chmod', at: 313, mode: 384 } },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'touch', at: 805, mtimeMs: 4000000000000 } },
        { afterMs: 0, kind: 'race', device: 0, calls: 2, action: { kind: 'rename', at: 970, path: 'n.txt/n.txt' } },
        { afterMs: 26300, kind: 'race', device: 0, calls: 55, action: { kind: 'append', at: 337, size: 1000 } },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'write', path: 'a', size: 1000, isSynced: true } },
        { afterMs: 413, kind: 'user', device: 0, action: { kind: 'append', at: 0, size: 40 } },
        { afterMs: 1568, kind: 'user', device: 0, action: { kind: 'rename', at: 273, path: 'n.txt/é/n.txt' } },
        { afterMs: 847, kind: 'user', device: 0, action: { kind: 'write', path: 'c/b', size: 40, isSynced: false } },
        { afterMs: 28611, kind: 'user', device: 0, action: { kind: 'write', path: 'z~1', size: 40, isSynced: true } },
        { afterMs: 1754, kind: 'user', device: 0, action: { kind: 'delete', at: 702 } },
        { afterMs: 32147, kind: 'user', device: 0, action: { kind: 'append', at: 232, size: 40 } },
        { afterMs: 438, kind: 'user', device: 0, action: { kind: 'save', at: 29, size: 40, isSynced: false } },
        { afterMs: 1677, kind: 'user', device: 0, action: { kind: 'slow-write', at: 441, size: 40, takesMs: 331 } },
        { afterMs: 1055, kind: 'misfortune', misfortune: { kind: 'fail', device: 1, code: 'EIO', skip: 31, count: 1 } },
        { afterMs: 2347, kind: 'user', device: 0, action: { kind: 'symlink', path: '.h' } },
        { afterMs: 3554, kind: 'user', device: 0, action: { kind: 'overwrite', at: 519, size: 40, isSynced: false } },
        { afterMs: 228, kind: 'user', device: 0, action: { kind: 'write', path: 'c/a/d', size: 40, isSynced: true } },
        { afterMs: 0, kind: 'user', device: 0, action: { kind: 'save', at: 460, size: 40, isSynced: false } },
        { afterMs: 63, kind: 'user', device: 0, action: { kind: 'slow-write', at: 46, size: 1000, takesMs: 56 } }
      ]
    }
  ]
]
