import tseslint from 'typescript-eslint'

const worldly = ['Date', 'setTimeout', 'setInterval', 'setImmediate', 'performance', 'process', 'fetch', 'crypto']
const worldlyMessage = 'It is handed in: see lib/runtime.ts.'

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.build-*/', 'web/vite.config.ts'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] } } },
    rules: {
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 5],
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: 'TestFunction', package: 'brittle' },
            { from: 'file', name: 'test' }
          ]
        }
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }
      ],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }]
    }
  },
  {
    // The pure heart: no clock, no randomness, no I/O, nothing above it.
    files: ['lib/core/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...worldly.map(name => ({ name, message: worldlyMessage }))],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: worldlyMessage }],
      'no-restricted-imports': [
        'error',
        { patterns: ['node:*', '**/store/*', '**/disk/*', '**/net/*', '**/folder/*', '**/protocol/*'] }
      ]
    }
  },
  {
    // The declarations of packages that have none travel with the library's own.
    files: ['lib/index.ts'],
    rules: { '@typescript-eslint/triple-slash-reference': ['error', { path: 'always', types: 'never', lib: 'never' }] }
  },
  {
    // What a simulation runs: it may reach the world only through what is handed in.
    files: ['lib/folder/**/*.ts', 'lib/store/memory.ts', 'protocol/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...worldly.map(name => ({ name, message: worldlyMessage }))],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: worldlyMessage }],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            'node:fs*',
            'node:net',
            'node:dgram',
            'node:crypto',
            'node:timers*',
            'node:worker_threads',
            'hyperswarm',
            'hyperdht',
            'lmdb',
            'chokidar',
            'koffi'
          ]
        }
      ]
    }
  },
  {
    files: ['test/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-non-null-assertion': 'off' }
  },
  { files: ['eslint.config.js'], ...tseslint.configs.disableTypeChecked }
)
