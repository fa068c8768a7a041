/// A stage that asks models, each where those before it fail.
package protocol AskingStage: Stage {
    /// The models in the order in which they are asked.
    var asked: [AskedModel] { get }

    /// Their names, known as soon as the file is read.
    var askedNames: [String] { get }
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
