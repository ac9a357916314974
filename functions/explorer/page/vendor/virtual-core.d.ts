export * from '../../checks/node_modules/@tanstack/virtual-core/dist/esm/index.js'
