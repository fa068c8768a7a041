/// What kind of values a setting takes, for help, diagnostics and editors.
public indirect enum SettingType: Sendable, CustomStringConvertible {
    /// Text.
    case string
    /// A whole number.
    case integer
    /// A number.
    case number
    /// `true` or `false`.
    case boolean
    /// `250ms`, `30s`, `5m`, `1h`.
    case duration
    /// `512B`, `64KiB`, `1MiB`, `1GiB`.
    case byteSize
    /// An `http://` or `https://` address.
    case url
    /// Text that is never printed, or the file that holds it.
    case secret
    /// One of a few words.
    case choice([String])
    /// A sequence of such values.
    case list(SettingType)
    /// A mapping from names to such values.
    case dictionary(SettingType)
    /// A mapping with settings of its own.
    case group([SettingType.Named])
    /// The name of a resource under `resources:`.
    case resource
    /// One of several kinds of values.
    case either([SettingType])
    /// Text, a number, or `true` or `false`.
    case scalar
    /// Anything at all.
    case any
    /// A list of stages.
    case stages
    /// Values of another type that have a name of their own.
    case named(String, SettingType)
    /// Anything; the text says what.
    case other(String)

    /// The type in a few words, without an article.
    public var description: String {
        switch self {
        case .string: "string"
        case .integer: "integer"
        case .number: "number"
        case .boolean: "true or false"
        case .duration: "duration (250ms, 30s, 5m, 1h)"
        case .byteSize: "size (512B, 64KiB, 1MiB)"
        case .url: "URL"
        case .secret: "secret, or {file: PATH}"
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .list(.resource): "list of names of resources"
        case .list(.choice(let words)): "list of these words: " + words.joined(separator: ", ")
        case .list(.named(let text, _)) where text.contains(" "): "list, each \(SettingType.withArticle(text))"
        case .list(let element): "list of \(element.plural)"
        case .dictionary(let element): "mapping of names to \(element)"
        case .group(let settings): "{\(settings.map(\.name).joined(separator: ", "))}"
        case .resource: "name of a resource"
        case .either(let types): types.map(\.description).joined(separator: ", or ")
        case .scalar: "string, number or boolean"
        case .any: "any value"
        case .stages: "list of stages"
        case .named(let text, _), .other(let text): text
        }
    }

    /// Many of them; a type of several words has no other form.
    private var plural: String {
        switch self {
        case .string, .integer, .number, .url: description + "s"
        case .named(let word, _): word + "s"
        default: description
        }
    }

    /// The type as it stands after "must be".
    var noun: String {
        switch self {
        case .boolean, .choice: description
        case .either(let types): types.map(\.noun).joined(separator: ", or ")
        case .group(let settings): "a mapping with settings (\(settings.map(\.name).joined(separator: ", ")))"
        default: SettingType.withArticle(description)
        }
    }

    private static func withArticle(_ text: String) -> String {
        "\("aeiou".contains(text.prefix(1)) ? "an" : "a") \(text)"
    }
}
