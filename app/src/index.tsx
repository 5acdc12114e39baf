/** Makes the two components known to the App, by the names the Python panels ask for. */

import { PluginComponentType, registerComponent } from "./fiftyone";
import { ReviewPanel } from "./review";
import { TriagePanel } from "./triage";

const components = { ArgusReview: ReviewPanel, ArgusTriage: TriagePanel };

for (const [name, component] of Object.entries(components)) {
  registerComponent({ name, label: name, component, type: PluginComponentType.Component, activator: () => true });
}
