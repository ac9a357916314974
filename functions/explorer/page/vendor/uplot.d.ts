export { default } from '../../checks/node_modules/uplot/dist/uPlot.js'
