extension JSONValue {
    /// About how many bytes of memory the value takes besides its own slot: small values take many times their text.
    package var footprint: Int {
        switch self {
        case .null, .bool, .int, .double: 0
        case .string(let text): text.footprint
        case .array(let values):
            values.reduce(values.isEmpty ? 0 : 48 + values.capacity * MemoryLayout<JSONValue>.stride) {
                $0 + $1.footprint
            }
        case .object(let members): members.footprint
        }
    }
}

extension [String: JSONValue] {
    /// About how many bytes of memory they take besides the value that holds them.
    package var footprint: Int {
        if isEmpty { return 0 }
        // Of a table's slots a quarter at least is free; of the smallest, half.
        let slots = 96 + capacity * (MemoryLayout<String>.stride + MemoryLayout<JSONValue>.stride) * 4 / 3
        return reduce(slots) { $0 + $1.key.footprint + $1.value.footprint }
    }
}

extension String {
    /// Up to 15 bytes are in the slot.
    fileprivate var footprint: Int { utf8.count > 15 ? utf8.count + 48 : 0 }
}
