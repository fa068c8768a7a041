public import Pipeline

/// Where in an API's answer a value is: keys and places in lists, joined by points (`choices.0.message.content`); `.` is
/// the whole of it.
public struct AnswerPath: Sendable, SettingValue {
    let text: String
    let steps: [String]

    /// Text.
    public static var settingType: SettingType { .named("path in the answer, such as labels.0.name", .string) }

    /// A path, without empty steps.
    public static func read(_ node: Node, with reader: inout SettingReader) -> AnswerPath? {
        guard let text = String.read(node, with: &reader) else { return nil }
        if text == "." { return AnswerPath(text: text, steps: []) }
        let steps = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !steps.contains("") else {
            reader.wrongType(node, expected: settingType)
            return nil
        }
        return AnswerPath(text: text, steps: steps)
    }
}

/// An API's answer, read as JSON where it is that.
struct HTTPAnswerContent {
    let text: String
    private let json: JSONValue?

    init(_ body: [UInt8]) {
        text = String(decoding: body, as: UTF8.self)
        json = body.withUnsafeBytes { try? JSONReader.value(of: $0, isLenient: true) }
    }

    var isJSON: Bool { json != nil }

    /// - Throws: `http_bad_response` where there is nothing.
    func value(at path: AnswerPath) throws(PipelineError) -> JSONValue {
        guard !path.steps.isEmpty else { return json ?? .string(text) }
        guard var value = json else { throw HTTPFailure.badResponse("the answer is no JSON") }
        for step in path.steps {
            switch value {
            case .object(let object): value = object[step] ?? .null
            case .array(let elements):
                value = Int(step).flatMap { elements.indices.contains($0) ? elements[$0] : nil } ?? .null
            default: value = .null
            }
        }
        guard value != .null else { throw HTTPFailure.badResponse("the answer has nothing at '\(path.text)'") }
        return value
    }
}
