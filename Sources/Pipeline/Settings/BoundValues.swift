/// A `Decoder` that hands a synthesized `init(from:)` the property wrappers that were filled before.
struct BoundValues: Decoder {
    let values: [(name: String, value: Any)]
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Properties(values: values))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw notFromAFile(self)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        throw notFromAFile(self)
    }

    /// Every `decode` overload that has no implementation of its own here ends in the generic one.
    private struct Properties<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let values: [(name: String, value: Any)]
        var codingPath: [any CodingKey] { [] }
        var allKeys: [Key] { values.map(\.name).compactMap(Key.init(stringValue:)) }

        private subscript(_ key: Key) -> Any? {
            let name = key.stringValue
            return values.first { $0.name == name }?.value
        }

        func contains(_ key: Key) -> Bool {
            self[key] != nil
        }

        func decodeNil(forKey key: Key) throws -> Bool {
            !contains(key)
        }

        func decode<Value>(_ type: Value.Type, forKey key: Key) throws -> Value {
            guard let value = self[key] as? Value else {
                throw DecodingError.keyNotFound(key, .init(codingPath: [], debugDescription: "no value of \(type)"))
            }
            return value
        }

        func nestedContainer<NestedKey: CodingKey>(
            keyedBy type: NestedKey.Type, forKey key: Key
        ) throws -> KeyedDecodingContainer<NestedKey> {
            throw notFromAFile(BoundValues(values: values))
        }

        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            throw notFromAFile(BoundValues(values: values))
        }

        func superDecoder() throws -> any Decoder {
            throw notFromAFile(BoundValues(values: values))
        }

        func superDecoder(forKey key: Key) throws -> any Decoder {
            throw notFromAFile(BoundValues(values: values))
        }
    }
}
