import Pipeline

/// Entries made from the declarations of settings, for stages and resources that have no example of their own.
enum SettingExample {
    /// Those of a stage: with every default that says something, then with what must be there.
    static func stageEntries(_ stage: any Stage.Type) -> [String] {
        variants(stage.settings).map { $0.isEmpty ? "- \(stage.name)" : "- \(stage.name): {\($0)}" }
    }

    /// Those of a resource.
    static func resourceEntries(_ resource: any Resource.Type) -> [String] {
        variants(resource.settings).map { "\(resource.name): {\($0)}" }
    }

    private static func variants(_ settings: [SettingType.Named]) -> [String] {
        let all = settings.compactMap { setting in (value(of: setting)).map { "\(setting.name): \($0)" } }
        let required = settings.filter(\.isRequired).compactMap { setting in
            value(of: setting).map { "\(setting.name): \($0)" }
        }
        return [all, required].map { $0.joined(separator: ", ") }
    }

    private static func value(of setting: SettingType.Named) -> String? {
        if let text = setting.defaultText, !text.isEmpty {
            switch setting.type {
            case .string, .url, .named: return "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
            case .integer, .number, .boolean, .duration, .byteSize, .choice: return text
            default: return nil
            }
        }
        return setting.isRequired ? sample(of: setting) : nil
    }

    private static func sample(of setting: SettingType.Named) -> String {
        sample(of: setting.type, name: setting.name, bounds: setting.bounds)
    }

    private static func sample(
        of type: SettingType, name: String, bounds: SettingType.Bounds? = nil
    ) -> String {
        switch type {
        case .integer: "\(Int(bounds?.lower ?? bounds?.upper ?? 1))"
        case .number: "\(bounds?.lower ?? bounds?.upper ?? 1)"
        case .boolean: "true"
        case .duration: "30s"
        case .byteSize: "1MiB"
        case .url: "\"https://api.example.com\""
        case .choice(let words): words.first ?? name
        case .list(let element): "[\(sample(of: element, name: name))]"
        case .dictionary(let element): "{\(name): \(sample(of: element, name: name))}"
        case .group(let settings):
            "{\(settings.filter(\.isRequired).map { "\($0.name): \(sample(of: $0))" }.joined(separator: ", "))}"
        case .either(let types): types.first.map { sample(of: $0, name: name) } ?? name
        case .named(_, let type): sample(of: type, name: name)
        case .stages: "[complete]"
        case .string, .secret, .scalar, .resource, .any, .other: "\"\(name)\""
        }
    }
}
