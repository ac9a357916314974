export * from '../../checks/node_modules/@preact/signals/dist/signals.js'
