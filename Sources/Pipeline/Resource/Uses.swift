/// Declares that a stage uses a resource of the pipeline, found by its kind:
///
/// ```swift
/// @Uses("Where the rows go.") var database: any RowStore
/// ```
///
/// Where the file has one resource that conforms, that is it; where it has several, the stage names one with
/// `resource:` (a stage that uses several names each by the property's name). An optional one may be missing; an array
/// takes a list of names, and every resource of the file where the list is left out.
@propertyWrapper
public struct Uses<Value: Sendable>: Sendable, Decodable {
    /// In one reference, as a stage that waits keeps copies of itself.
    private let declared: Declared
    private var value: Value?
    /// What the resources are called in the file.
    package private(set) var names: [String] = []
    /// Whether they are all that there are, as the file names none.
    private(set) var isEverything = false

    private struct Found {
        let value: Value
        let names: [String]
    }

    private final class Declared: Sendable {
        let help: String
        let type: SettingType
        let isList: Bool
        let isOnlyNamed: Bool
        let find: @Sendable (ResourceRequest, inout SettingReader) -> Found?

        init(
            _ help: String, _ type: SettingType, isList: Bool, isOnlyNamed: Bool,
            find: @escaping @Sendable (ResourceRequest, inout SettingReader) -> Found?
        ) {
            (self.help, self.type, self.isList, self.isOnlyNamed, self.find) = (help, type, isList, isOnlyNamed, find)
        }
    }

    /// A resource that must be there.
    @_disfavoredOverload
    public init(_ help: String) {
        self.init(help, type: .resource, isList: false) { request, reader in
            request.one(required: true, with: &reader) { $0 as? Value }.map {
                Found(value: $0.wanted, names: [$0.name])
            }
        }
    }

    /// A resource that may be missing.
    public init<Wrapped: Sendable>(_ help: String) where Value == Wrapped? {
        self.init(help, type: .resource, isList: false) { request, reader in
            let one = request.one(required: false, with: &reader) { $0 as? Wrapped }
            return Found(value: one?.wanted, names: one.map { [$0.name] } ?? [])
        }
    }

    /// A resource that is used only where the file names it, under the property's own name.
    public init<Wrapped: Sendable>(_ help: String, onlyNamed: Bool) where Value == Wrapped? {
        self.init(help, type: .resource, isList: false, isOnlyNamed: onlyNamed) { request, reader in
            guard request.node != nil || !onlyNamed else { return Found(value: nil, names: []) }
            let one = request.one(required: false, with: &reader) { $0 as? Wrapped }
            if one == nil, request.node != nil { return nil }
            return Found(value: one?.wanted, names: one.map { [$0.name] } ?? [])
        }
        value = .some(nil)
    }

    /// Resources of a kind that are used only where the file names them, in the order of its list.
    public init<Wrapped: Sendable>(_ help: String, onlyNamed: Bool) where Value == [Wrapped] {
        self.init(help, type: .list(.resource), isList: true, isOnlyNamed: onlyNamed) { request, reader in
            guard request.node != nil || !onlyNamed else { return Found(value: [], names: []) }
            return request.all(with: &reader) { $0 as? Wrapped }.map {
                Found(value: $0.map(\.wanted), names: $0.map(\.name))
            }
        }
        value = .some([])
    }

    /// Resources of any kind, by name.
    public init(_ help: String) where Value == [any Resource] {
        self.init(help, type: .list(.resource), isList: true) { request, reader in
            request.all(with: &reader).map { Found(value: $0.map(\.resource), names: $0.map(\.name)) }
        }
    }

    private init(
        _ help: String, type: SettingType, isList: Bool, isOnlyNamed: Bool = false,
        find: @escaping @Sendable (ResourceRequest, inout SettingReader) -> Found?
    ) {
        declared = Declared(help, type, isList: isList, isOnlyNamed: isOnlyNamed, find: find)
    }

    /// Resources come from a pipeline, never from a decoder.
    ///
    /// - Throws: `DecodingError`, always.
    public init(from decoder: any Decoder) throws {
        throw notFromAFile(decoder)
    }

    /// The resource.
    public var wrappedValue: Value {
        guard let value else { preconditionFailure("A resource was used before its stage was part of a chain") }
        return value
    }
}

/// What a `@Uses` property says, whatever its type.
protocol ResourceUse: Sendable {
    var help: String { get }
    var type: SettingType { get }
    /// Whether it is used only where the file names it.
    var isOnlyNamed: Bool { get }
    /// Whether it takes several resources.
    var isList: Bool { get }
    /// The names of the resources that were found.
    var names: [String] { get }
    /// The resources that were found, in the order of their names.
    var resources: [any Resource] { get }
    /// Whether they are all that there are, as the file names none.
    var isEverything: Bool { get }
    /// The same declaration with its resource; `nil` after reporting why there is none.
    func resolved(_ request: ResourceRequest, with reader: inout SettingReader) -> (any ResourceUse)?
}

extension Uses: ResourceUse {
    var help: String { declared.help }

    var type: SettingType { declared.type }

    var isList: Bool { declared.isList }

    var isOnlyNamed: Bool { declared.isOnlyNamed }

    var resources: [any Resource] {
        guard let value else { return [] }
        return value as? [any Resource] ?? (value as? any Resource).map { [$0] } ?? []
    }

    func resolved(_ request: ResourceRequest, with reader: inout SettingReader) -> (any ResourceUse)? {
        guard let found = declared.find(request, &reader) else { return nil }
        var copy = self
        copy.value = found.value
        copy.names = found.names
        copy.isEverything = isList && !isOnlyNamed && request.node == nil
        return copy
    }
}
