/// The stages and resources that a pipeline file can name.
public struct Registry: Sendable {
    /// The stages by name.
    public private(set) var stages: [String: any Stage.Type] = [:]

    /// The resources by type name.
    public private(set) var resources: [String: any Resource.Type] = [:]

    /// Knows none.
    init() {}

    /// A registry of these.
    ///
    /// - Throws: ``Registry/NameTaken`` where two have one name, or a stage has a modifier's.
    public init(stages: [any Stage.Type], resources: [any Resource.Type] = []) throws(Registry.NameTaken) {
        for stage in stages {
            if PipelineWords.modifiers.contains(stage.name) {
                throw Registry.NameTaken(name: stage.name, first: "a modifier")
            }
            if let other = self.stages.updateValue(stage, forKey: stage.name) {
                throw Registry.NameTaken(name: stage.name, first: "\(other)", second: "\(stage)")
            }
        }
        for resource in resources {
            if let other = self.resources.updateValue(resource, forKey: resource.name) {
                throw Registry.NameTaken(name: resource.name, first: "\(other)", second: "\(resource)")
            }
        }
    }

    /// What to do about a stage or resource of somebody's own that is in no registry, as of `stagecoach` itself.
    static let hint = "one of your own must be in the list of the host that you run"

    /// With other resources beside those that it has.
    func adding(_ types: [any Resource.Type]) -> Registry {
        var copy = self
        for resource in types { copy.resources[resource.name] = resource }
        return copy
    }

    /// The stages that provide a field, by name.
    func stages(providing field: Field) -> [String] {
        stages.filter { $0.value.init().provides.contains(field) }.map(\.key).sorted()
    }
}

extension Registry {
    /// Two stages, or two resources, with one name.
    public struct NameTaken: Error, CustomStringConvertible {
        /// Says which two.
        public let description: String

        init(name: String, first: String, second: String? = nil) {
            let both = second.map { "both \(first) and \($0) have it" } ?? "\(first) has it"
            description = "The name '\(name)' is taken: \(both)"
        }
    }
}
