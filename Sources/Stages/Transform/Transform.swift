public import Pipeline

/// Writes texts into a message's fields, made of its other fields.
public struct Transform: AbbreviatedStage, ImmediateStage, BoundedStage {
    public static let name = "transform"
    public static let summary = "Writes texts into fields, made of other fields: {prompt: \"In French: {{prompt}}\"}."

    /// What each field becomes; all are made of the message as it came.
    @Setting(
        "The texts for prompt, completion, metadata.KEY or your own fields, all made from the message as it arrived."
    )
    public var fields: WritableFields<MessageTemplate>

    public init() {}

    /// Texts by the field that they are written into.
    ///
    /// - Throws: ``MessageTemplate/Problem``, also where a field can't be written into.
    public init(_ texts: KeyValuePairs<String, String>) throws(MessageTemplate.Problem) {
        fields = WritableFields()
        for (name, text) in texts { try fields.set(name, MessageTemplate(text)) }
    }

    package static let mainSetting = "fields"
    public static let example = """
        - transform: {prompt: "Answer {{session.username}} briefly: {{prompt}}", metadata.topic: general}
        """

    public var requires: Fields {
        ($fields?.all ?? []).reduce(into: $fields?.requires ?? []) { $0.formUnion($1.value.requires) }
    }

    public var provides: Fields { $fields?.provides ?? [] }

    public var longestRun: Duration? { .zero }

    public func run(_ message: inout Message) throws {
        let original = message
        for field in fields.all { field.path.set(.string(field.value.text(for: original)), in: &message) }
    }
}
