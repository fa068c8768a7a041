/// Texts as XML has them.
package enum XMLText {
    /// With references for what means something in XML, and U+FFFD for the control characters that it can't have, however
    /// they are written.
    ///
    /// - Parameter keepsLines: Whether line ends and tabs stay, which XML can have, or are control characters like others.
    package static func escaped(_ text: String, keepsLines: Bool = false) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n" where keepsLines, "\t" where keepsLines: result.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
