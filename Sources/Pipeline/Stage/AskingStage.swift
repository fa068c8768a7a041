/// A stage that asks models: those of its `@Uses` properties, in the order of their declaration, each where those before it
/// fail. `doctor` asks the first as the stage would, and a model that is down is no reason to refuse messages where another
/// answers in its place.
///
/// ```swift
/// struct Ask: AskingStage {
///     static let name = "ask"
///     @Uses("Who is asked.") var api: any Model
///     @Setting("The model's name.") var model = "gpt-4o"
///     …
/// }
/// ```
public protocol AskingStage: Stage {
    /// The model's name at its API; empty by default, for a model that needs none.
    var model: String { get }

    /// How long a call may take in all; 30 s by default.
    var timeout: Duration { get }
}

extension AskingStage {
    /// None.
    public var model: String { "" }

    /// 30 s.
    public var timeout: Duration { .seconds(30) }
}

extension AskingStage {
    /// The models in the order in which they are asked. Their names are known as soon as the file is read.
    package var asked: [AskedModel] {
        Property.all(of: self).compactMap(\.use).filter { !$0.isEverything }.flatMap { use in
            zip(use.names, use.resources).compactMap { name, resource in
                (resource as? any Model).map { AskedModel(name: name, model: $0) }
            }
        }
    }
}

/// A model that a stage asks.
package struct AskedModel: Sendable {
    /// Its name under `resources:`.
    package let name: String
    package let model: any Model

    package init(name: String, model: any Model) {
        (self.name, self.model) = (name, model)
    }
}

/// Which models of a chain answer in place of which.
package struct ModelAlternatives: Sendable {
    private let asked: [[AskedModel]]

    init(of stages: [any Stage]) {
        asked = stages.compactMap { ($0 as? any AskingStage)?.asked }
    }

    /// The models that answer in place of one that does not: for each stage that asks it the first that is ready.
    ///
    /// - Returns: `nil` where a stage has none, and where no stage asks it.
    package func standIns(for name: String) -> [String]? {
        let places = asked.filter { models in models.contains { $0.name == name } }
        let names = places.compactMap { models in
            models.first { $0.name != name && $0.model.health == .ready }?.name
        }
        return places.isEmpty || names.count < places.count ? nil : names
    }
}
