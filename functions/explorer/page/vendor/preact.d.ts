export * from '../../checks/node_modules/preact/src/index.js'
