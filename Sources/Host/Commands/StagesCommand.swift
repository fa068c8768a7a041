import ArgumentParser
import Pipeline
import PipelineCatalog
import Stages
import Server

struct StagesCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "stages", abstract: "What stages and resources there are, and each one's settings.")
    }

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, markdown
    }

    @Argument(help: "A stage, a resource, a modifier or 'host', for its settings.")
    var name: String?

    @Option(help: "text, or markdown for a document with all of them.")
    var format = Format.text

    @Flag(help: "Print only the example, a whole pipeline file.")
    var example = false

    func validate() throws {
        if example, name == nil { throw ValidationError("--example needs the name of a stage or a resource.") }
        if format == .markdown, name != nil {
            throw ValidationError("--format markdown has all of them: leave the name out.")
        }
    }

    func run() async throws {
        let registry = try Host.registry()
        let examples = ExampleFile(registry)
        let catalog = Catalog(
            registry,
            examples: CatalogExamples(text: { examples.text(for: $0) }, besides: { examples.besides(for: $0) }))
        guard let name else {
            print(format == .text ? catalog.overview : catalog.markdown(sections: PipelineArguments.sections))
            return
        }
        guard let page = catalog.page(name, sections: PipelineArguments.sections) else {
            let names = catalog.names + PipelineArguments.sections.keys.sorted()
            let hint = Spelling.meant(by: name, among: names).map { "did you mean '\($0)'?" }
            StandardError.write(
                "error: there is no stage or resource '\(name)'; \(hint ?? "there are: \(names.joined(separator: ", "))")"
            )
            throw ExitCode.failure
        }
        guard example else {
            print(page)
            return
        }
        guard let text = examples.text(for: name) else {
            StandardError.write(
                "error: no example of '\(name)' is good without more; see 'stages \(name)' for its settings")
            throw ExitCode.failure
        }
        print(text)
    }
}
