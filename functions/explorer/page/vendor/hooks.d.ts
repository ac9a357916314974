export * from '../../checks/node_modules/preact/hooks/src/index.js'
