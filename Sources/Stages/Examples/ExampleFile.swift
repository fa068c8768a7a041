package import Pipeline

/// A whole pipeline file for one stage or resource, that `check` finds nothing wrong with.
///
/// What stands around the stage is found by trying: the shortest file in which it has what it needs.
package struct ExampleFile: Sendable {
    private let registry: Registry

    /// Examples with these stages and resources.
    package init(_ registry: Registry) {
        self.registry = registry
    }

    /// The file; `nil` where there is no such stage or resource, or none of the files that were tried is good.
    package func text(for name: String) -> String? {
        if let stage = registry.stages[name] { return text(for: stage) }
        return registry.resources[name].flatMap { text(for: $0) }
    }

    /// A file that the example names, which has to be there, too.
    package func besides(for name: String) -> (path: String, text: String)? {
        registry.stages[name] is Use.Type ? Use.exampleFile : nil
    }

    private func text(for stage: any Stage.Type) -> String? {
        let entries = stage.example.isEmpty ? SettingExample.stageEntries(stage) : [stage.example]
        for entry in entries {
            for resources in ExampleContext.resources {
                for stages in ExampleContext.stages(around: entry, of: stage, keeping: resources.contains("database")) {
                    let file = ExampleContext.file(
                        name: stage.name, resources: resources.map(ExampleContext.resource), stages)
                    // The file that is used isn't there to be looked at.
                    let isGood = stage is Use.Type ? resources == ["model"] : isGood(file)
                    if isGood { return file }
                }
            }
        }
        return nil
    }

    private func text(for resource: any Resource.Type) -> String? {
        let entries = resource.example.isEmpty ? SettingExample.resourceEntries(resource) : [resource.example]
        return entries.lazy.map { ExampleContext.file(for: resource, entry: $0) }.first(where: isGood)
    }

    private func isGood(_ file: String) -> Bool {
        let loader = PipelineLoader(registry: registry, environment: Environment())
        return loader.load(SourceFile(path: "example.yaml", text: file)).diagnostics.isEmpty
    }
}
