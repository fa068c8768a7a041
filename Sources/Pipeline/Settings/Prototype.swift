/// What a binding begins with: declarations, and what each instance has of its own.
struct Prototype<Target: Configurable> {
    let properties: [Property]
    /// State, and what has no wrapper.
    let own: [(name: String, value: Any)]

    /// A new one, whose state is its own.
    init() {
        properties = Property.declared(by: Target.self)
        let hasOwn = properties.contains { $0.declaration == nil }
        own = hasOwn ? Property.values(of: Target()) : []
    }

    /// One whose properties have values already.
    init(_ instance: Target) {
        own = Property.values(of: instance)
        properties = Property.all(from: own)
    }

    func value(of property: Property) -> Any? {
        switch property.declaration {
        case .setting(let setting): setting
        case .use(let use): use
        case .inlined(let inlined): inlined
        case nil: own.first { $0.name == property.name }?.value
        }
    }
}
