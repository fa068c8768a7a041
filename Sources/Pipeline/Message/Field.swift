/// A named part of a message that stages need or make, such as `prompt` or `completion`.
///
/// A stage of one's own names new ones in an extension and keeps their values in ``Message/subscript(_:)``:
///
/// ```swift
/// extension Field { static let mood = Field("mood") }
/// ```
public struct Field: Sendable, Hashable, CustomStringConvertible {
    /// The name used in pipeline files and in diagnostics.
    public let name: String

    /// Names a field.
    public init(_ name: String) {
        self.name = name
    }

    /// What the client asked: ``Message/prompt``.
    public static let prompt = Field("prompt")

    /// What the model answered: ``Message/completion``.
    public static let completion = Field("completion")

    /// What was said before: ``Message/history``.
    public static let history = Field("history")

    /// The code of the error that `catch` or `on_error` runs after.
    public static let errorCode = Field("error.code")

    /// What the client would have been told of it.
    public static let errorMessage = Field("error.message")

    /// The label of the stage that failed.
    public static let errorStage = Field("error.stage")

    /// The field's name.
    public var description: String { name }
}

/// A set of ``Field``s in the order in which they were written, so that diagnostics read the same every time.
public struct Fields: Sendable, ExpressibleByArrayLiteral, Sequence {
    private var members: [Field] = []

    /// The fields of a list, each once.
    public init(_ fields: some Sequence<Field>) {
        for field in fields { insert(field) }
    }

    /// Allows `var requires: Fields { [.prompt] }`.
    public init(arrayLiteral elements: Field...) {
        self.init(elements)
    }

    /// What stages find that run after an error.
    static let ofError: Fields = [.errorCode, .errorMessage, .errorStage]

    /// Whether the field is one of these.
    public func contains(_ field: Field) -> Bool {
        members.contains(field)
    }

    /// Whether there is no field.
    public var isEmpty: Bool { members.isEmpty }

    /// Adds a field, if it is not there yet.
    public mutating func insert(_ field: Field) {
        if !members.contains(field) { members.append(field) }
    }

    /// Adds all of the other's fields.
    public mutating func formUnion(_ other: Fields) {
        for field in other { insert(field) }
    }

    /// The fields that are in both.
    public func intersection(_ other: Fields) -> Fields {
        Fields(members.filter(other.contains))
    }

    /// Goes through the fields in the order in which they were added.
    public func makeIterator() -> IndexingIterator<[Field]> {
        members.makeIterator()
    }
}
