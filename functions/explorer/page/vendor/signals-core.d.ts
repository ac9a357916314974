export * from '../../checks/node_modules/@preact/signals-core/dist/signals-core.js'
