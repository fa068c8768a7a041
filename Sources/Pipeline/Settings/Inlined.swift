/// A group whose settings stand among those of the stage that has it, and not in a mapping of their own.
@propertyWrapper
package struct Inlined<Group: SettingGroup>: Sendable, Decodable {
    /// The group.
    package var wrappedValue: Group

    /// The group's first value, which has its defaults.
    package init(wrappedValue: Group) {
        self.wrappedValue = wrappedValue
    }

    /// Settings come from a pipeline file, never from another decoder.
    ///
    /// - Throws: `DecodingError`, always.
    package init(from decoder: any Decoder) throws {
        throw notFromAFile(decoder)
    }
}

/// What an `@Inlined` property says, whatever its type.
protocol InlinedSettings: Sendable {
    /// The group's settings.
    var settings: [SettingType.Named] { get }
    /// The same with values from the file; `nil` after reporting what is wrong.
    func reading(
        _ node: Node?, of owner: Owner, with reader: inout SettingReader
    ) -> (any InlinedSettings)?
}

extension Inlined: InlinedSettings {
    var settings: [SettingType.Named] { Group.settings }

    func reading(
        _ node: Node?, of owner: Owner, with reader: inout SettingReader
    ) -> (any InlinedSettings)? {
        SettingBinder.bind(Prototype(wrappedValue), to: node, of: owner, with: &reader).map {
            Inlined(wrappedValue: $0)
        }
    }
}
