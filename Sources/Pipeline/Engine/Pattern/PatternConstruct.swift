/// What other engines' regular expressions have and RE2's don't, as it could not be done in linear time or has no need.
struct PatternConstruct {
    /// With its article: "a look-ahead, '(?='".
    let name: String
    /// Another way to write it; `nil` where there is none.
    let hint: String?

    init(_ name: String, _ hint: String? = nil) {
        self.name = name
        self.hint = hint
    }

    static let backReference = PatternConstruct("a back-reference", "write what may repeat out, as in 'aa|bb'")
    static let intersection = PatternConstruct(
        "'&&' in a character class", "write one '&', or the class that is left, as in '[b-df-h]'")

    static func possessive(_ repetition: String) -> PatternConstruct {
        PatternConstruct(
            "a possessive quantifier, '\(repetition)+'", "write '\(repetition)': no expression takes long here")
    }

    /// By what stands behind a backslash; `nil` for what RE2 has or nobody knows.
    static func escape(_ letter: Unicode.Scalar) -> PatternConstruct? {
        let hint: String? =
            switch letter {
            case "k", "g": nil
            case "X": #"'\P{M}\p{M}*' is a character with its marks"#
            case "h": #"write '[\t\p{Zs}]'"#
            case "H": #"write '[^\t\p{Zs}]'"#
            case "R": #"write '(?:\r\n|[\n-\r\x{85}\x{2028}\x{2029}])'"#
            case "V": #"write '[^\n-\r\x{85}\x{2028}\x{2029}]'"#
            case "N": #"write '[^\n]'"#
            case "C": #"write '(?s:.)', any character"#
            case "Z": #"write '\n?\z'"#
            case "G": #"write '\A', the beginning of the text"#
            case "K": "leave it out: only whether the expression matches counts"
            case "e": #"write '\x1B'"#
            case "c": #"write the character by its number, as in '\x09'"#
            case "u", "U", "o": #"write '\x{…}', with the number in hexadecimal"#
            case "y", "Y", "m", "M": #"write '\b' or '\B'"#
            default: ""
            }
        if hint == "" { return nil }
        return letter == "k" || letter == "g" ? backReference : PatternConstruct(#"'\\#(letter)'"#, hint)
    }

    /// By what a group begins with, behind `(?`; the longest first. With how many characters of it are named.
    static let groups: [(start: String, construct: PatternConstruct)] = [
        ("<=", PatternConstruct("a look-behind, '(?<='", "write what comes before: 'ab' for '(?<=a)b'")),
        (
            "<!",
            PatternConstruct("a negative look-behind, '(?<!'", "say what may come before: '(?:^|[^a])b' for '(?<!a)b'")
        ),
        ("=", PatternConstruct("a look-ahead, '(?='", "write what follows: 'ab' for 'a(?=b)'")),
        (
            "!",
            PatternConstruct(
                "a negative look-ahead, '(?!'",
                "say what may follow: 'a(?:[^b]|$)' for 'a(?!b)'; or take those messages in an earlier case of 'route'")
        ),
        (">", PatternConstruct("an atomic group, '(?>'", "write '(?:': no expression takes long here")),
        ("|", PatternConstruct("a branch reset, '(?|'", "write '(?:'")),
        ("#", PatternConstruct("a comment, '(?#'", "leave it out")),
        ("(", PatternConstruct("a condition, '(?('", "write both cases out: 'ab|c'")),
        ("&", PatternConstruct("a recursion, '(?&'")),
        ("R", PatternConstruct("a recursion, '(?R'")),
        ("P=", backReference),
        ("P>", PatternConstruct("a recursion, '(?P>'")),
        ("'", PatternConstruct("a group's name in quotes, '(?''", "write '(?P<name>'")),
    ]

    static func flag(_ letter: Unicode.Scalar) -> PatternConstruct {
        letter == "x"
            ? PatternConstruct("the flag 'x'", "leave out the spaces and comments that it is for")
            : PatternConstruct("the flag '\(letter)'", "there are 'i', 'm', 's' and 'U'")
    }

    static let verb = PatternConstruct("a verb, '(*'", #"write '\(\*' for the characters"#)
    static let property = PatternConstruct(
        "a property",
        #"there are the general categories by their short names, as in '\p{Lu}', and scripts, as in '\p{Greek}'"#)
    static let recursion = PatternConstruct("a recursion")
}
