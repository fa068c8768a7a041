/// Carries what reading settings needs: where problems go, what is being read, and the resources that are there.
public struct SettingReader: Sendable {
    /// What was found so far.
    public var diagnostics: Diagnostics

    /// What is being read, as the beginning of a sentence: `'timeout' of stage 'complete'`.
    public internal(set) var subject: String

    /// The resources of the file that were built without an error, in its order.
    var resources: [NamedResource]

    /// Names of resources that the file has but that have errors of their own, so that using them is no second error.
    var brokenResources: Set<String> = []

    /// The types of resources that the file can name.
    var resourceTypes: [String: any Resource.Type] = [:]

    /// Secrets in files of their own.
    var secretFiles = SecretFiles()

    /// What reads the lists of stages among the settings, with what it knows of the file; `nil` where no file is read.
    var context: (any Sendable)?

    /// Whether every stage that was read is one that there is; what others provide nobody can say.
    var stagesAreKnown = true

    /// The fields of messages that templates of the stage being read name.
    var fieldUses: [FieldUse] = []

    /// Whether what the file says of resources could be read, so that a name that is not among them is a mistake.
    var resourcesAreKnown = true

    /// Whether the file says nothing of resources at all: that is one mistake, however many stages ask for some.
    var lacksResources = false

    /// Where values stand that have been looked at for slips, or that are free to say anything.
    var examined: Set<SourceRange> = []

    /// Where templates stand.
    var templates: Set<SourceRange> = []

    /// Whether values are looked at for slips: not in tests, which have what was said.
    package var looksForSlips = true

    /// A reader that knows no resources.
    public init(source: SourceFile) {
        self.init(diagnostics: Diagnostics(source: source), resources: [])
    }

    init(diagnostics: Diagnostics, resources: [NamedResource]) {
        self.diagnostics = diagnostics
        self.subject = "the value"
        self.resources = resources
    }

    /// Reports a value of the wrong type at its place.
    public mutating func wrongType(_ node: Node, expected type: SettingType, hint: String? = nil) {
        wrongType(node, expected: type, hint: hint, isSecret: type.mayHoldSecret)
    }

    /// Reports a value of the wrong type at its place.
    ///
    /// - Parameter isSecret: Whether the value may be a secret: its text is not shown then.
    package mutating func wrongType(_ node: Node, expected type: SettingType, hint: String?, isSecret: Bool) {
        let hint = hint.map { "; \($0)" } ?? ""
        let nature = isSecret ? node.natureWithoutText : node.nature
        diagnostics.error(
            .wrongType, at: node.range, "\(subject) must be \(type.noun), not \(nature)\(hint)",
            hidesLines: isSecret && node.isWritten)
    }

    /// Reads with another subject, and puts the old one back.
    package mutating func with<Result>(subject: String, _ body: (inout SettingReader) -> Result) -> Result {
        let before = self.subject
        self.subject = subject
        defer { self.subject = before }
        return body(&self)
    }
}

extension Node {
    /// What the value is, in words, for diagnostics. Values of variables are never shown.
    var nature: String {
        switch content {
        case .sequence(let elements): return elements.isEmpty ? "an empty list" : "a list"
        case .mapping(let entries): return entries.isEmpty ? "an empty mapping" : "a mapping"
        case .scalar(let scalar):
            let shown = scalar.written.count > 40 ? scalar.written.prefix(40) + "…" : scalar.written[...]
            if scalar.isInterpolated { return "the value of '\(shown)'" }
            return switch scalar.value {
            case .null: "empty"
            case .bool: "the boolean \(shown)"
            case .int: "the integer \(shown)"
            case .float: "the number \(shown)"
            case .string: "the string '\(shown)'"
            }
        }
    }

    /// What the value is, in words that may be said of a secret.
    var natureWithoutText: String {
        guard let scalar, !scalar.isInterpolated else { return nature }
        return switch scalar.value {
        case .null: "empty"
        case .bool: "a boolean"
        case .int: "an integer"
        case .float: "a number"
        case .string: "a string"
        }
    }

    var isNull: Bool {
        guard let scalar else { return false }
        return scalar.value == .null
    }

    /// Whether it has a text that the file itself holds, which may be a secret: none of a variable.
    package var isWritten: Bool {
        switch content {
        case .scalar(let scalar): !scalar.isInterpolated && scalar.value != .null
        case .sequence(let elements): elements.contains(where: \.isWritten)
        case .mapping(let entries): entries.contains(where: \.value.isWritten)
        }
    }
}
