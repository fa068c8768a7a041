import Synchronization

/// One property of a configurable type, found by reflection.
struct Property: Sendable {
    /// What its wrapper declares.
    enum Declaration: Sendable {
        case setting(any SettingDeclaration)
        case use(any ResourceUse)
        case inlined(any InlinedSettings)
    }

    /// The property's name in Swift, which is also its coding key.
    let name: String

    /// The key in pipeline files: `maxLength` is written `max_length`, and the only resource of a stage `resource`.
    private(set) var key: String

    /// `nil` for state, and for what has no wrapper: each instance has its own.
    let declaration: Declaration?

    init(name: String, value: Any) {
        self.name = name
        key = Property.key(for: name)
        declaration =
            switch value {
            case let setting as any SettingDeclaration: .setting(setting)
            case let use as any ResourceUse: .use(use)
            case let inlined as any InlinedSettings: .inlined(inlined)
            default: nil
            }
    }

    private static func key(for name: String) -> String {
        name.reduce(into: "") { key, character in
            if character.isUppercase { key += "_" }
            key += character.lowercased()
        }
    }

    /// The use that it is, if it is one.
    var use: (any ResourceUse)? {
        if case .use(let use) = declaration { use } else { nil }
    }

    private static let known = Mutex<[ObjectIdentifier: [Property]]>([:])

    /// What a type declares, in order. It is looked for once: reflection takes longer than all else in reading a file.
    static func declared<Target: Configurable>(by type: Target.Type) -> [Property] {
        let id = ObjectIdentifier(type)
        if let found = known.withLock({ $0[id] }) { return found }
        let found = all(of: Target())
        known.withLock { $0[id] = found }
        return found
    }

    /// What an instance has, which may be filled already.
    static func all(of instance: some Configurable) -> [Property] {
        all(from: values(of: instance))
    }

    /// The properties behind the values of an instance.
    static func all(from values: [(name: String, value: Any)]) -> [Property] {
        var properties = values.map(Property.init)
        let uses = properties.indices.filter { properties[$0].use?.isOnlyNamed == false }
        if uses.count == 1, let only = uses.first, properties[only].use?.isList == false {
            properties[only].key = "resource"
        }
        return properties
    }

    /// The stored properties of an instance, those of wrappers under the names they are used by.
    static func values(of instance: some Configurable) -> [(name: String, value: Any)] {
        Mirror(reflecting: instance).children.compactMap { child in
            child.label.map { (String($0.drop { $0 == "_" }), child.value) }
        }
    }
}
