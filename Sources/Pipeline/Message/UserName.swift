/// The one rule for names of users, wherever they come from: a client's message or address, a key, a token.
package enum UserName {
    /// The rule after "must have".
    package static let rule =
        "1 to 128 characters, no control character or line separator among them, and one at least that can be seen"

    private static let longest = 128

    /// Whether a name is one: 1 to 128 scalars, none of Unicode's categories Cc, Zl and Zp, and not all of them Cf or Zs.
    package static func isValid(_ text: String) -> Bool {
        var (count, canBeSeen) = (0, false)
        for scalar in text.unicodeScalars {
            count += 1
            guard count <= longest else { return false }
            if scalar.isASCII {
                guard scalar.value >= 0x20, scalar.value != 0x7F else { return false }
                canBeSeen = canBeSeen || scalar.value > 0x20
                continue
            }
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: return false
            case .format, .spaceSeparator: break
            default: canBeSeen = true
            }
        }
        return canBeSeen
    }
}
