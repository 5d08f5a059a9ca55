{{- define "pullpath.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "pullpath.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" -}}
{{- else if contains (include "pullpath.name" .) .Release.Name -}}
{{- .Release.Name | trunc 46 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "pullpath.name" .) | trunc 46 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "pullpath.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pullpath.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pullpath.labels" -}}
{{- $chart := dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $version := dict "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_") -}}
{{- $own := dict "app.kubernetes.io/managed-by" .Release.Service "app.kubernetes.io/component" "agent" -}}
{{- toYaml (merge (include "pullpath.selectorLabels" . | fromYaml) $chart $version $own .Values.commonLabels) -}}
{{- end -}}

{{- define "pullpath.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "pullpath.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "pullpath.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* What `intent` gives of one writer, as `volumes: […]`: a directory for each source, so that a ConfigMap that is
missing is a pattern that nothing matches, which the agent reports, and not a file fewer. */ -}}
{{- define "pullpath.intent" -}}
{{- $root := .root -}}
{{- $writer := .writer -}}
{{- $intent := get $root.Values.intent $writer -}}
{{- $sources := list -}}
{{- if $intent.files -}}
{{- $sources = append $sources (dict "name" (printf "%s-%s-intent" (include "pullpath.fullname" $root) $writer)) -}}
{{- end -}}
{{- range $intent.configMaps -}}
{{- $sources = append $sources (dict "name" . "optional" true) -}}
{{- end -}}
{{- $volumes := list -}}
{{- range $index, $source := $sources -}}
{{- $number := ternary "" (printf "-%d" $index) (eq $index 0) -}}
{{- $place := dict "name" (printf "%s-intent%s" $writer $number) "path" (printf "/intent/%s%s" $writer $number) -}}
{{- $volumes = append $volumes (merge $place (dict "source" $source)) -}}
{{- end -}}
{{- toYaml (dict "volumes" $volumes) -}}
{{- end -}}

{{- define "pullpath.intentPatterns" -}}
{{- $patterns := list -}}
{{- range (include "pullpath.intent" . | fromYaml).volumes -}}
{{- $patterns = append $patterns (printf "%s/*.yaml" .path) -}}
{{- end -}}
{{- toYaml (dict "patterns" $patterns) -}}
{{- end -}}

{{- /* The agent's configuration: what follows from `intent` and `containerd`, and over it what `config` says. */ -}}
{{- define "pullpath.config" -}}
{{- $talos := dict "patches" (include "pullpath.intentPatterns" (dict "root" . "writer" "talos") | fromYaml).patterns -}}
{{- $spegel := ternary (dict "from" "daemonset" "values" list) (dict "from" "none") .Values.kubernetes.enabled -}}
{{- with (include "pullpath.intentPatterns" (dict "root" . "writer" "spegel") | fromYaml).patterns -}}
{{- $spegel = dict "from" "values" "values" . -}}
{{- end -}}
{{- $own := dict "intent" (dict "talos" $talos "spegel" $spegel) -}}
{{- /* Where a token is mounted, the agent asks of its own accord. */ -}}
{{- if not .Values.kubernetes.enabled -}}
{{- $_ := set $own "kubernetes" (dict "enabled" "off") -}}
{{- end -}}
{{- with .Values.containerd.socket -}}
{{- if .enabled -}}
{{- $_ := set $own "containerd" (dict "socket" .path) -}}
{{- end -}}
{{- end -}}
{{- toYaml (mergeOverwrite $own (deepCopy .Values.config)) -}}
{{- end -}}

{{- define "pullpath.port" -}}
{{- dig "http" "port" 9478 .Values.config -}}
{{- end -}}

{{- /* The directories of the node that the agent reads, as `paths: […]`, parents before what is below them. A parent
alone would not do: what is mounted below it on the node keeps its own flags, which Talos before 1.9.3 left writable. */ -}}
{{- define "pullpath.hostPaths" -}}
{{- $paths := list (dig "containerd" "hostsDir" "/etc/cri/conf.d/hosts" .Values.config) -}}
{{- with dig "containerd" "configFile" nil .Values.config -}}
{{- $paths = append $paths (dir .) -}}
{{- end -}}
{{- with .Values.containerd.socket -}}
{{- if .enabled -}}
{{- $paths = append $paths (dir .path) -}}
{{- end -}}
{{- end -}}
{{- $clean := list -}}
{{- range concat $paths .Values.extraHostPaths -}}
{{- $clean = append $clean (clean .) -}}
{{- end -}}
{{- toYaml (dict "paths" ($clean | uniq | sortAlpha)) -}}
{{- end -}}

{{- /* What the agent asks of the Kubernetes API, as `roles: […]`: each right goes with what needs it. One without a
namespace is of the whole cluster. The agents tell themselves apart by their node's name alone: no rule can. */ -}}
{{- define "pullpath.roles" -}}
{{- $config := include "pullpath.config" . | fromYaml -}}
{{- $spegel := default (dig "intent" "spegel" "namespace" "kube-system" $config) .Values.rbac.spegelNamespace -}}
{{- $release := default (dig "intent" "spegel" "namespace" "kube-system" $config) .Values.rbac.releaseNamespace -}}
{{- $source := default $release .Values.rbac.sourceNamespace -}}
{{- $isSpegelWanted := ne "none" $config.intent.spegel.from -}}
{{- $isObserving := and .Values.containerd.socket.enabled (dig "observe" "enabled" true $config) -}}
{{- $interval := dig "canary" "interval" "1h" $config | toString -}}
{{- $hasSlots := and (ne "0" $interval) (ne "none" (dig "spegel" "peersFrom" "" $config)) -}}

{{- $nodes := dict "apiGroups" (list "") "resources" (list "nodes") "verbs" (list "get") -}}
{{- $cluster := list $nodes -}}
{{- if dig "kubernetes" "nodeCondition" false $config -}}
{{- $cluster = append $cluster (dict "apiGroups" (list "") "resources" (list "nodes/status") "verbs" (list "patch")) -}}
{{- end -}}
{{- if $isObserving -}}
{{- $cluster = append $cluster (dict "apiGroups" (list "") "resources" (list "events") "verbs" (list "list")) -}}
{{- end -}}
{{- $roles := list (dict "name" "" "namespace" "" "rules" $cluster) -}}

{{- if dig "kubernetes" "events" true $config -}}
{{- $events := dict "apiGroups" (list "events.k8s.io") "resources" (list "events") "verbs" (list "create" "patch") -}}
{{- $roles = append $roles (dict "name" "-events" "namespace" "default" "rules" (list $events)) -}}
{{- end -}}

{{- $own := list -}}
{{- if $isSpegelWanted -}}
{{- $own = append $own (dict "apiGroups" (list "apps") "resources" (list "daemonsets") "verbs" (list "list" "watch")) -}}
{{- $own = append $own (dict "apiGroups" (list "") "resources" (list "pods") "verbs" (list "list" "watch")) -}}
{{- end -}}
{{- if $hasSlots -}}
{{- $slices := dict "apiGroups" (list "discovery.k8s.io") "resources" (list "endpointslices") "verbs" (list "list") -}}
{{- $own = append $own $slices -}}
{{- end -}}
{{- with $own -}}
{{- $roles = append $roles (dict "name" "-spegel" "namespace" $spegel "rules" .) -}}
{{- end -}}

{{- if $isSpegelWanted -}}
{{- $flux := dict "apiGroups" (list "helm.toolkit.fluxcd.io") "resources" (list "helmreleases") "verbs" (list "list" "watch") -}}
{{- $rules := list $flux -}}
{{- with .Values.rbac.configMaps -}}
{{- $values := dict "apiGroups" (list "") "resources" (list "configmaps") "resourceNames" . "verbs" (list "get") -}}
{{- $rules = append $rules $values -}}
{{- end -}}
{{- $roles = append $roles (dict "name" "-release" "namespace" $release "rules" $rules) -}}
{{- $charts := dict "apiGroups" (list "source.toolkit.fluxcd.io") "resources" (list "ocirepositories" "helmcharts") "verbs" (list "get") -}}
{{- $roles = append $roles (dict "name" "-source" "namespace" $source "rules" (list $charts)) -}}
{{- end -}}
{{- toYaml (dict "roles" $roles) -}}
{{- end -}}

{{- /* Of a length of time such as 30s or 1m. */ -}}
{{- define "pullpath.seconds" -}}
{{- mul (regexFind "^[0-9]+" . | int) (get (dict "s" 1 "m" 60 "h" 3600) (regexFind "[smh]$" .)) -}}
{{- end -}}

{{- /* What a schema cannot say: values that are right by themselves and contradict one another. */ -}}
{{- define "pullpath.check" -}}
{{- $config := .Values.config -}}

{{- $host := dig "http" "host" "" $config -}}
{{- if or (hasPrefix "127." $host) (has $host (list "localhost" "::1")) -}}
{{- fail (printf "config.http.host: at %s neither the kubelet's probes nor Prometheus reach the agent" $host) -}}
{{- end -}}
{{- if and (not .Values.hostNetwork) (eq $host "${NODE_IP}") -}}
{{- fail "config.http.host: without hostNetwork the pod does not have the node's address" -}}
{{- end -}}

{{- if has "/" (include "pullpath.hostPaths" . | fromYaml).paths -}}
{{- fail "config.containerd.hostsDir, config.containerd.configFile, containerd.socket.path, extraHostPaths: one of them would mount the whole file system of the node" -}}
{{- end -}}
{{- if hasKey (dig "containerd" (dict) $config) "socket" -}}
{{- fail "config.containerd.socket: leave it out; containerd.socket.enabled says whether it is mounted, and containerd.socket.path where it is" -}}
{{- end -}}
{{- if hasKey (dig "kubernetes" (dict) $config) "enabled" -}}
{{- fail "config.kubernetes.enabled: leave it out; kubernetes.enabled says whether the API is asked, and mounts the token for it" -}}
{{- end -}}
{{- if .Values.kubernetes.enabled -}}
{{- if and .Values.rbac.create (eq "default" (include "pullpath.serviceAccountName" .)) -}}
{{- fail "serviceAccount: the rights would be those of every pod that has no account of its own; set serviceAccount.create or serviceAccount.name, or kubernetes.enabled: false" -}}
{{- end -}}
{{- else if dig "kubernetes" "nodeCondition" false $config -}}
{{- fail "config.kubernetes.nodeCondition: nothing is told to Kubernetes where kubernetes.enabled is false" -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if has .name (list "NODE_NAME" "NODE_IP") -}}
{{- fail (printf "extraEnv: %s is set by the chart" .name) -}}
{{- end -}}
{{- end -}}

{{- range $writer, $field := dict "talos" "patches" "spegel" "values" -}}
{{- $chosen := dig "intent" $writer $field nil $config -}}
{{- range (include "pullpath.intent" (dict "root" $ "writer" $writer) | fromYaml).volumes -}}
{{- if and (not (kindIs "invalid" $chosen)) (not (contains (printf "\"%s/" .path) (toJson $chosen))) -}}
{{- fail (printf "config.intent.%s.%s: what intent.%s gives of %s is in %s, and would not be read" $writer $field $writer .source.name .path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $from := dig "intent" "spegel" "from" "" $config -}}
{{- if or .Values.intent.spegel.files .Values.intent.spegel.configMaps -}}
{{- if eq $from "none" -}}
{{- fail "config.intent.spegel.from: none, and intent.spegel gives files; leave one out" -}}
{{- end -}}
{{- else if and $from (ne $from "none") (not (dig "intent" "spegel" "values" nil $config)) -}}
{{- if not (and .Values.kubernetes.enabled (ne $from "values")) -}}
{{- fail (printf "config.intent.spegel.from: %s, and neither intent.spegel.files nor intent.spegel.configMaps is given%s" $from (ternary "" ", nor is kubernetes.enabled" (eq $from "values"))) -}}
{{- end -}}
{{- end -}}

{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled -}}
{{- fail "podMonitor and serviceMonitor: with both, every agent is scraped twice; enable one" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) -}}
{{- fail "serviceMonitor: it finds the agents by the Service; set service.enabled, or use podMonitor" -}}
{{- end -}}
{{- range $kind := list "podMonitor" "serviceMonitor" -}}
{{- with get $.Values $kind -}}
{{- if gt (include "pullpath.seconds" .scrapeTimeout | int) (include "pullpath.seconds" .interval | int) -}}
{{- fail (printf "%s.scrapeTimeout: %s is longer than its interval, %s" $kind .scrapeTimeout .interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
