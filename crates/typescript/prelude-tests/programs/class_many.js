export default class Many extends Photon {
  one() {}
  two() {}
  _three() {}
}
