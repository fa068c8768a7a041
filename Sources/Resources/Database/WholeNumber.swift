/// A whole number in its text form, also as databases write a numeric one: `12`, `12.00`, `1e3`; `nil` for anything else
/// and for what no `Int` holds.
func wholeNumber(_ text: String) -> Int? {
    Int(text) ?? Double(text).flatMap { Int(exactly: $0) }
}
