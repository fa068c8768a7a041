import Pipeline

extension [String: JSONValue] {
    /// About how many bytes they take in memory, beyond the value that holds them: small objects take many times their
    /// text.
    var allocated: Int {
        if isEmpty { return 0 }
        // Of a table's slots a quarter at least is free; of the smallest, half.
        let slots = 96 + capacity * (MemoryLayout<String>.stride + MemoryLayout<JSONValue>.stride) * 4 / 3
        return reduce(slots) { $0 + $1.key.allocated + $1.value.allocated }
    }
}

extension JSONValue {
    fileprivate var allocated: Int {
        switch self {
        case .null, .bool, .int, .double: 0
        case .string(let text): text.allocated
        case .array(let values):
            values.reduce(48 + values.capacity * MemoryLayout<JSONValue>.stride) { $0 + $1.allocated }
        case .object(let members): members.allocated
        }
    }
}

extension String {
    /// Up to 15 bytes are where the string is.
    fileprivate var allocated: Int { utf8.count > 15 ? utf8.count + 48 : 0 }
}
