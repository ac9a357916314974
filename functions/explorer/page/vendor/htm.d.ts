export { default } from '../../checks/node_modules/htm/dist/htm.js'
