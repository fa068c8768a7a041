import Pipeline

/// A JSON object whose members are added one by one, in their order.
struct JSONMembers {
    private var object: JSONText

    init() { object = JSONText() }

    /// One that says by its first member what it is.
    init(type: String) { object = JSONText(type: type) }

    mutating func add(_ name: String, _ value: JSONValue) { object.add(name, value) }

    /// Adds what is JSON already.
    mutating func add(_ name: String, raw text: String) { object.add(name, raw: text) }

    mutating func add(_ name: String, list texts: [String]) {
        object.add(name, raw: "[\(texts.joined(separator: ","))]")
    }

    /// Adds an object of whole numbers, by name.
    mutating func add(_ name: String, counts: [String: UInt64]) {
        var members = JSONMembers()
        for (key, count) in counts.sorted(by: { $0.key < $1.key }) { members.add(key, raw: String(count)) }
        add(name, raw: members.text)
    }

    var text: String { object.finished }
}
