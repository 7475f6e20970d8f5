// method: _three
export default class Many {
  one() {}
  _three() {}
}
